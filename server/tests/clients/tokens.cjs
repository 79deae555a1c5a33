// Signs tokens with Node's own crypto: nothing of the server's. A private key of each algorithm for each name is made
// at first use and kept for as long as the process lives. A JSON line on stdin is answered by one on stdout:
//   { "set": ["name", …] }                               the key set of these names
//   { "sign": "name", "algorithm": "ES256", "claims": … } a token; "header" adds to its header
const crypto = require("node:crypto");
const base64 = (value) => Buffer.from(value).toString("base64url");

const kinds = {
  EdDSA: () => crypto.generateKeyPairSync("ed25519"),
  ES256: () => crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }),
  HS256: () => ({ secret: crypto.randomBytes(32) }),
};
const names = {};
const keysOf = (name) => (names[name] ??= Object.fromEntries(Object.entries(kinds).map(([kind, make]) => [kind, make()])));
const kid = (name, algorithm) => `${name}-${algorithm}`;

function jwk(name, algorithm) {
  const key = keysOf(name)[algorithm];
  const common = { kid: kid(name, algorithm), alg: algorithm, use: "sig" };
  return key.secret ? { ...common, kty: "oct", k: base64(key.secret) } : { ...common, ...key.publicKey.export({ format: "jwk" }) };
}

function sign({ sign: name, algorithm, claims, header }) {
  const key = keysOf(name)[algorithm];
  const head = { alg: algorithm, typ: "JWT", kid: kid(name, algorithm), ...header };
  const text = `${base64(JSON.stringify(head))}.${base64(JSON.stringify(claims))}`;
  const signature = {
    EdDSA: () => crypto.sign(null, Buffer.from(text), key.privateKey),
    ES256: () => crypto.sign("sha256", Buffer.from(text), { key: key.privateKey, dsaEncoding: "ieee-p1363" }),
    HS256: () => crypto.createHmac("sha256", key.secret).update(text).digest(),
  }[algorithm]();
  return `${text}.${base64(signature)}`;
}

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const asked = JSON.parse(line);
  const answer = asked.set
    ? { keys: asked.set.flatMap((name) => Object.keys(kinds).map((algorithm) => jwk(name, algorithm))) }
    : sign(asked);
  process.stdout.write(JSON.stringify(answer) + "\n");
});
