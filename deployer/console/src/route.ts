// The views by address: what is behind the # survives a reload and can be a bookmark.
import { useEffect, useState } from "preact/hooks";

export function parts(): string[] {
  return location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

export const link = (...names: string[]) => `#/${names.map(encodeURIComponent).join("/")}`;

export function useRoute(): string[] {
  const [route, set] = useState(parts);
  useEffect(() => {
    const look = () => set(parts());
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return route;
}
