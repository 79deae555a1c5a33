/**
 * A name for a key that does not tell the key, and stays when a token is renewed: stored keys have
 * one in their middle, signed tokens have `sub`.
 */
export function nameOf(key: string): string {
  const stored = /^hfk_([^_]+)_/.exec(key);
  return stored?.[1] ?? subject(key) ?? hash(key);
}

/** Who a signed token is for. */
function subject(key: string): string | undefined {
  const claims = /^eyJ[^.]*\.([^.]+)\./.exec(key)?.[1];
  if (!claims) return undefined;
  try {
    const { sub } = JSON.parse(atob(claims.replace(/-/g, "+").replace(/_/g, "/")));
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined; // no token; the service will say so
  }
}

/** FNV-1a, which is enough to tell keys apart. */
function hash(key: string): string {
  let value = 0x811c9dc5;
  for (const letter of key) value = Math.imul(value ^ letter.codePointAt(0)!, 0x01000193);
  return (value >>> 0).toString(36);
}
