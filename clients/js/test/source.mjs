// A source file as a module: the package is one file, its parts are tested by themselves.
import { join } from "node:path";
import { build } from "esbuild";

export async function source(name) {
  const entry = join(import.meta.dirname, "../src", `${name}.ts`);
  const options = { entryPoints: [entry], bundle: true, format: "esm", write: false };
  const built = await build({ ...options, platform: "node", packages: "external" });
  const text = Buffer.from(built.outputFiles[0].contents).toString("base64");
  return import(`data:text/javascript;base64,${text}`);
}
