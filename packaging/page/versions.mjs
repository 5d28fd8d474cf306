// Say what each bundle holds, and copy the licence of each package in it.
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [work, out, ...bundles] = process.argv.slice(2);
const lock = JSON.parse(readFileSync(join(work, "package-lock.json"), "utf8")).packages;

function packagesOf(bundle) {
  const { inputs } = JSON.parse(readFileSync(join(work, `${bundle}.meta.json`), "utf8"));
  const names = Object.keys(inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter(Boolean);
  return [...new Set(names)].sort();
}

function keepLicence(name) {
  const folder = join(work, "node_modules", name);
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} has no licence file`);
  copyFileSync(join(folder, file), join(out, "licences", name.replace("@", "").replace("/", "-")));
}

function describe(file, names) {
  const hash = createHash("sha256").update(readFileSync(join(out, file))).digest("hex");
  console.log(`${file}  sha256:${hash}`);
  for (const name of names) {
    const { version, license, integrity } = lock[`node_modules/${name}`];
    console.log(`    ${name} ${version}  ${license}  https://www.npmjs.com/package/${name}/v/${version}  ${integrity}`);
    keepLicence(name);
  }
}

for (const bundle of bundles) describe(`${bundle}.js`, packagesOf(bundle));
describe("uplot.css", ["uplot"]);
