// Packages of several Debian releases, fetched without touching the system: apt with a state of its own.
import { existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, output, Unavailable } from "./cache.js";

const mirror = process.env.BPF_TSGEN_DEBIAN_MIRROR || "http://deb.debian.org";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const DAY = 86_400_000;

/** Releases of Debian, and where their packages lie. */
const releases = {
  bullseye: ["deb debian bullseye", "deb debian-security bullseye-security"],
  bookworm: ["deb debian bookworm", "deb debian-security bookworm-security"],
  "bookworm-arm64": ["deb debian bookworm", "deb debian-security bookworm-security"],
  "bookworm-backports": ["deb debian bookworm-backports"],
  trixie: ["deb debian trixie", "deb debian-security trixie-security"],
  sid: ["deb debian sid"],
  "trixie-source": ["deb-src debian trixie"],
  "sid-source": ["deb-src debian sid"],
} as const;

/** A release of Debian, or the sources of one. */
export type Release = keyof typeof releases;

/** Runs one of apt's commands on the packages of a release, of which apt reads the lists once a day. */
function apt(release: Release, command: string, args: readonly string[], cwd?: string): string {
  const state = join(cacheFolder, "apt", release);
  const sources = join(state, "sources.list");
  const architecture = release.endsWith("-arm64") ? "arm64" : "amd64";
  const options = [
    ["Dir::Etc::SourceList", sources],
    ["Dir::Etc::SourceParts", "/dev/null"],
    ["Dir::Etc::Preferences", "/dev/null"],
    ["Dir::Etc::PreferencesParts", "/dev/null"],
    ["Dir::State::Lists", join(state, "lists")],
    ["Dir::State::status", join(state, "status")],
    ["Dir::Cache", state],
    ["Acquire::Languages", "none"],
    ["Acquire::Retries", "3"],
    ["Acquire::http::Timeout", "60"],
    ["APT::Sandbox::User", ""],
    ["APT::Architecture", architecture],
    ["APT::Architectures", architecture],
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  const run = (...words: readonly string[]): string =>
    output(words[0]!, [...options, ...words.slice(1)], { env, cwd: cwd ?? state });
  const stamp = join(state, "updated");
  if (Date.now() - (statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0) > DAY) {
    if (!existsSync(keyring))
      throw new Unavailable(`${keyring} is missing — apt-get install debian-archive-keyring`);
    for (const folder of ["lists/partial", "archives/partial"])
      mkdirSync(join(state, folder), { recursive: true });
    writeFileSync(join(state, "status"), "");
    const lines = releases[release].map((line) => {
      const [kind, archive, suite] = line.split(" ");
      return `${kind} [signed-by=${keyring}] ${mirror}/${archive} ${suite} main\n`;
    });
    writeFileSync(sources, lines.join(""));
    run("apt-get", "-q", "update", "--error-on=any");
    writeFileSync(stamp, "");
    utimesSync(stamp, new Date(), new Date());
  }
  return run(command, ...args);
}

/** The newest version of a package whose version starts with `prefix`. */
export function newestVersion(release: Release, name: string, prefix: string): string {
  const versions = apt(release, "apt-cache", ["madison", name])
    .split("\n")
    .map((line) => line.split("|")[1]?.trim() ?? "")
    .filter((version) => version.replace(/^\d+:/, "").startsWith(prefix));
  if (!versions[0]) throw new Unavailable(`Debian ${release} has no ${name} ${prefix}`);
  return versions[0];
}

/** The description of a package: its fields as apt prints them. */
export function describePackage(release: Release, name: string, version: string): string {
  return apt(release, "apt-cache", ["show", `${name}=${version}`]);
}

/** Downloads packages and unpacks them into `folder`. */
export function unpackPackages(release: Release, names: readonly string[], folder: string): void {
  for (const name of names) {
    const debs = join(folder, ".debs");
    mkdirSync(debs, { recursive: true });
    apt(release, "apt-get", ["-q", "download", name], debs);
  }
  output("sh", ["-c", 'for deb in .debs/*.deb; do dpkg -x "$deb" .; done; rm -r .debs'], { cwd: folder });
}

/** Downloads the source of a package, as upstream made it, and unpacks it into `folder`. */
export function unpackSource(release: Release, name: string, version: string, folder: string): void {
  apt(release, "apt-get", ["-q", "source", "--download-only", `${name}=${version}`], folder);
  output("sh", ["-c", "tar --strip-components=1 -xf *.orig.tar.*"], { cwd: folder });
}
