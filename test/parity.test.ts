import { expect, test } from "vitest";
import { exists, textOf } from "./exported.js";

/** The tables of runtime/README.md that compare ocaml-libbpf with this library: nothing in them is only said. */
const section = textOf("runtime/README.md").split("## Coming from ocaml-libbpf")[1]!;
const rows = [...section.matchAll(/^\| (.*?) +\| (.*?) +\| (.*?) +\|$/gm)]
  .map(([, theirs, ours, shown]) => ({ theirs: theirs!, ours: ours!, shown: shown! }))
  .filter(({ theirs, shown }) => shown !== "shown by" && !/^(-+|\*\*.*\*\*)$/.test(theirs));
const functions = rows.filter(({ theirs }) => /^`[\w.]+`$/.test(theirs));

/** What its documentation lists, as of its version for libbpf 1.1. */
const highLevel = `
  major_version minor_version version_string bpf_attach_type_str bpf_link_type_str bpf_map_type_str bpf_prog_type_str
  bpf_object_open bpf_object_load bpf_object_close bpf_object_find_program_by_name bpf_program_attach bpf_program_fd
  bpf_object_find_map_by_name bpf_map_fd bpf_link_destroy with_bpf_object_open_load_link bpf_map_lookup_value
  bpf_map_update_elem RingBuffer.init RingBuffer.poll RingBuffer.consume RingBuffer.get_epoll_fd`;
const raw = `
  libbpf_major_version libbpf_minor_version libbpf_version_string libbpf_strerror libbpf_bpf_attach_type_str
  libbpf_bpf_link_type_str libbpf_bpf_map_type_str libbpf_bpf_prog_type_str libbpf_set_print bpf_object__open
  bpf_object__load bpf_object__close bpf_object__find_program_by_name bpf_object__next_program
  bpf_object__find_map_by_name bpf_program__pin bpf_program__unpin bpf_program__attach bpf_program__fd bpf_link__pin
  bpf_link__unpin bpf_link__destroy bpf_map__fd bpf_map__lookup_elem bpf_map__update_elem bpf_map__delete_elem
  bpf_xdp_attach bpf_xdp_detach bpf_tc_hook_create bpf_tc_hook_destroy bpf_tc_attach bpf_tc_detach ring_buffer__new
  ring_buffer__poll ring_buffer__free ring_buffer__consume ring_buffer__epoll_fd`;
const types = `
  libbpf_print_level libbpf_errno bpf_attach_type bpf_link_type bpf_map_type bpf_prog_type bpf_tc_attach_point
  bpf_tc_hook bpf_tc_opts bpf_xdp_attach_opts`;
const names = (list: string): string[] => list.trim().split(/\s+/);

test("every function, enum and struct of ocaml-libbpf has a row", () => {
  expect(names(raw).length).toBe(37);
  expect(functions.map(({ theirs }) => theirs.replaceAll("`", ""))).toEqual([
    ...names(highLevel),
    ...names(raw),
    ...names(types),
  ]);
});

test("what stands in the rows is exported, and is in the declarations where it is a type", () => {
  const index = textOf("runtime/index.ts");
  const missing = functions.flatMap(({ ours }) =>
    [...ours.matchAll(/`([^`]+)`/g)]
      .map(([, code]) => code!)
      .filter((code) => !/^(\{|using$|run$|new$)/.test(code))
      .filter((code) => !exists(code) && !new RegExp(`\\b(type )?${code},`).test(index)),
  );
  expect(missing).toEqual([]);
  expect(exists("object.absent()") || exists("absent()") || exists("xdp.absent")).toBe(false);
});

test("every test that shows a row is there, by its whole name", () => {
  expect(rows.length).toBeGreaterThan(75);
  const missing = rows
    .map(({ shown }) => /^`([\w-]+)`: (.+)$/.exec(shown)?.slice(1) ?? ["", shown])
    .filter(([file, title]) => {
      const text = file ? textOf(`test/kernel/${file}.test.ts`) : "";
      return !text.includes(JSON.stringify(title));
    });
  expect(missing).toEqual([]);
});
