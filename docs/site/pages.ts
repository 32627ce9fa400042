/** A page of the site: a Markdown file of the project. */
export interface Page {
  /** Its Markdown, from the project's root. */
  readonly file: string;
  /** Its file in the site. */
  readonly path: string;
  /** What the menu calls it. */
  readonly label: string;
}

/** Pages that belong together. */
export interface Chapter {
  readonly title: string;
  readonly pages: readonly Page[];
}

const page = (label: string, path: string, file = `docs/${path.replace(/html$/, "md")}`): Page => ({
  file,
  path,
  label,
});
const sample = (name: string): Page => page(name, `samples/${name}.html`, `samples/${name}/README.md`);

/** What the site consists of, in the order of the menu; the API's pages come after these. */
export const chapters: readonly Chapter[] = [
  {
    title: "Start",
    pages: [
      page("Your first program", "index.html", "docs/README.md"),
      page("Coming from …", "coming-from.html"),
      page("Beside other libraries", "peers.html"),
      page("What works where", "compatibility.html", "test/vm/COMPATIBILITY.md"),
    ],
  },
  {
    title: "Guides",
    pages: [
      page("Global variables", "globals.html"),
      page("Events", "events.html"),
      page("Maps", "maps.html"),
      page("XDP and tc", "networking.html"),
      page("Tracing the kernel", "tracing.html"),
      page("Uprobes and USDT", "uprobes.html"),
      page("Iterators", "iterators.html"),
      page("struct_ops", "struct-ops.html"),
      page("Testing with vitest", "testing.html"),
    ],
  },
  {
    title: "Build and run",
    pages: [
      page("Build tools and CI", "generator.html", "generator/README.md"),
      page("Bundling", "bundling.html"),
      page("Without root", "capabilities.html"),
      page("systemd", "systemd.html"),
      page("Containers", "containers.html"),
      page("Without a skeleton", "runtime.html", "runtime/README.md"),
      page("Errors", "errors.html", "runtime/ERRORS.md"),
    ],
  },
  {
    title: "Samples",
    pages: [
      ...["minimal", "bootstrap", "bootstrap-raw", "kprobe", "tc", "execsnoop", "runqlat", "profile"],
      ...["uprobe", "tcpconnect", "firewall", "xdp-counter"],
    ].map(sample),
  },
  {
    title: "Tables",
    pages: [
      page("Kinds of programs", "programs.html", "test/kernel/table/PROGRAMS.md"),
      page("Kinds of maps", "maps-table.html", "test/kernel/table/MAPS.md"),
      page("Changes", "changes.html", "CHANGELOG.md"),
      page("Architecture", "architecture.html", "ARCHITECTURE.md"),
    ],
  },
];
