// The same work as ours, in C over libbpf, as its users write it. `bench WORK OBJECT [ARGUMENT...]` does one
// piece of work and prints its figures as one line of JSON.
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES 100000
#define RUNS 20000
#define BATCH 4096
#define FILL 400000
/* Of the ring buffer in `deliver`: what programs of this kind usually have. */
#define RING (256 * 1024)
/* Before `deliver` counts: compilers have done their part by then, and the rates are even. */
#define SETTLE 1000000000ull

struct event {
	__u64 ts;
	__u32 pid;
	__u32 number;
	char comm[16];
};

struct pair {
	__u32 pid;
	__u32 number;
};

struct bss {
	__u32 producer;
	__u32 number32;
	__u64 number64;
	__u64 dropped;
	__u64 submitted;
};

static struct bpf_object *object;
static volatile uint64_t sink;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int map(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	if (fd < 0)
		fail(name);
	return fd;
}

static void report(const char *name, double value)
{
	printf("{\"%s\":%.3f}\n", name, value);
}

static void fill_maps(void)
{
	struct event event = { .ts = 1ull << 40, .comm = "node" };
	uint64_t both[256] = { 1, 2 };

	for (uint32_t key = 0; key < ENTRIES; key++) {
		event.pid = event.number = key;
		bpf_map_update_elem(map("counts"), &key, &key, 0);
		bpf_map_update_elem(map("table"), &key, &event, 0);
	}
	for (uint32_t key = 0; key < 1024; key++) {
		bpf_map_update_elem(map("percpu_hash"), &key, both, 0);
		bpf_map_update_elem(map("percpu_array"), &key, both, 0);
	}
}

/* ---- one operation, again and again: nanoseconds each ---- */

#define WARM 300000000ull

struct rounds {
	uint64_t begun, start;
	int warm;
};

/* Whether there is another round of `count` operations to do: once it is warm, for each byte of stdin; reports what each took. */
static int another(struct rounds *rounds, unsigned count)
{
	uint64_t at = now();
	char turn;

	if (!rounds->begun)
		rounds->begun = at;
	if (rounds->warm)
		report("ns", (at - rounds->start) / (double)count);
	else if (at > rounds->begun + WARM) {
		rounds->warm = 1;
		printf("{}\n");
	}
	fflush(stdout);
	if (rounds->warm && read(0, &turn, 1) != 1)
		return 0;
	rounds->start = now();
	return 1;
}

static void lookups(const char *name, uint32_t keys)
{
	uint64_t value[256];
	int fd = map(name);

	for (struct rounds rounds = { 0 }; another(&rounds, ENTRIES);)
		for (uint32_t i = 0; i < ENTRIES; i++) {
			uint32_t key = i % keys;

			if (bpf_map_lookup_elem(fd, &key, value))
				fail(name);
			sink += value[0];
		}
}

static void updates(const char *name)
{
	int fd = map(name);

	for (struct rounds rounds = { 0 }; another(&rounds, ENTRIES);)
		for (uint32_t key = 0; key < ENTRIES; key++)
			if (bpf_map_update_elem(fd, &key, &key, 0))
				fail(name);
}

static void walk(void)
{
	int fd = map("table");

	for (struct rounds rounds = { 0 }; another(&rounds, ENTRIES);) {
		uint32_t key, *previous = NULL;
		struct event event;
		uint64_t count = 0;

		while (bpf_map_get_next_key(fd, previous, &key) == 0) {
			if (bpf_map_lookup_elem(fd, &key, &event))
				fail("lookup");
			sink += event.number;
			count++;
			previous = &key;
		}
		if (count != ENTRIES)
			fail("walk");
	}
}

static void walk_in_batches(void)
{
	static uint32_t keys[BATCH];
	static struct event events[BATCH];
	int fd = map("table");

	for (struct rounds rounds = { 0 }; another(&rounds, ENTRIES);) {
		uint32_t at, count;
		uint64_t seen = 0;
		int result;

		for (void *from = NULL;; from = &at) {
			count = BATCH;
			result = bpf_map_lookup_batch(fd, from, &at, keys, events, &count, NULL);
			if (result && result != -ENOENT)
				fail("batch");
			for (uint32_t i = 0; i < count; i++)
				sink += events[i].number;
			seen += count;
			if (result)
				break;
		}
		if (seen != ENTRIES)
			fail("batches");
	}
}

static int program(const char *name)
{
	struct bpf_program *found = bpf_object__find_program_by_name(object, name);

	if (!found)
		fail(name);
	return bpf_program__fd(found);
}

static void test_run(void)
{
	unsigned char packet[64] = { 0 }, out[128];
	int fd = program("pass");

	for (struct rounds rounds = { 0 }; another(&rounds, RUNS);)
		for (int i = 0; i < RUNS; i++) {
			LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
				    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

			if (bpf_prog_test_run_opts(fd, &options) || options.retval != 2)
				fail("test_run");
		}
}

/* ---- ring buffers ---- */

static uint64_t seen;

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;

	sink += event->ts + event->pid + event->number + event->comm[0];
	seen++;
	return 0;
}

static int on_pair(void *context, void *data, size_t size)
{
	const struct pair *pair = data;

	sink += pair->pid + pair->number;
	seen++;
	return 0;
}

static void consume(int pairs)
{
	struct ring_buffer *ring = ring_buffer__new(map(pairs ? "pairs" : "events"), pairs ? on_pair : on_event, NULL, NULL);
	uint32_t arguments[2] = { FILL, pairs };

	if (!ring)
		fail("ring_buffer__new");
	for (struct rounds rounds = { 0 }; another(&rounds, FILL);) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = arguments, .ctx_size_in = sizeof(arguments));

		if (bpf_prog_test_run_opts(program("fill"), &options))
			fail("fill");
		seen = 0;
		rounds.start = now();
		ring_buffer__consume(ring);
		if (seen != FILL)
			fail("consume");
	}
}

/* Sends what `on_getppid` makes of getppid(2): `rate` calls a second, or as many as there can be when 0. */
static int produce(double rate, double seconds)
{
	cpu_set_t cpus;
	char go;

	CPU_ZERO(&cpus);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	printf("%d\n", getpid());
	fflush(stdout);
	if (read(0, &go, 1) != 1)
		return 1;
	uint64_t start = now(), end = start + seconds * 1e9, calls = 0;

	while (now() < end) {
		if (rate > 0) {
			uint64_t due = start + calls * (1e9 / rate), at = now();

			// Far from due it sleeps, near to it it spins: as even as the machine allows.
			if (due > at + 200000) {
				struct timespec pause = { .tv_nsec = due - at - 100000 };

				nanosleep(&pause, NULL);
			}
			while (now() < due)
				;
		}
		syscall(SYS_getppid);
		calls++;
	}
	printf("%llu\n", (unsigned long long)calls);
	return 0;
}

static uint64_t *delays;
static uint64_t most;

static int on_timed(void *context, void *data, size_t size)
{
	const struct event *event = data;

	sink += event->ts + event->pid + event->number + event->comm[0];
	if (seen < most)
		delays[seen] = now() - event->ts;
	seen++;
	return 0;
}

static int smaller(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void deliver(const char *self, const char *rate, uint32_t burst, const char *seconds)
{
	int to[2], from[2], timed = atof(rate) > 0;
	struct bss *bss = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map(".bss"), 0);
	struct ring_buffer *ring = ring_buffer__new(map("events"), timed ? on_timed : on_event, NULL, NULL);
	uint32_t zero = 0;

	most = timed ? 4000000 : 0;
	delays = calloc(most + 1, sizeof(*delays));
	if (bss == MAP_FAILED || !ring || pipe(to) || pipe(from))
		fail("deliver");
	pid_t child = fork();

	if (child == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		execl(self, self, "produce", rate, seconds, NULL);
		_exit(1);
	}
	close(from[1]);
	FILE *said = fdopen(from[0], "r");
	unsigned pid;

	if (fscanf(said, "%u", &pid) != 1)
		fail("producer");
	bpf_map_update_elem(map(".data"), &zero, &burst, 0);
	bss->producer = pid;
	struct bpf_link *link = bpf_program__attach(bpf_object__find_program_by_name(object, "on_getppid"));

	if (!link || write(to[1], "g", 1) != 1)
		fail("attach");
	double cpu = 0;
	uint64_t start = now(), from_seen = 0, from_dropped = 0;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (!cpu && now() - start > SETTLE) {
			cpu = cpu_seconds();
			start = now();
			from_seen = seen;
			from_dropped = bss->dropped;
		}
		ring_buffer__poll(ring, 100);
	}
	ring_buffer__consume(ring);
	double took = (now() - start) / 1e9;

	cpu = cpu_seconds() - cpu;
	uint64_t kept = seen < most ? seen - from_seen : 0;

	qsort(delays + from_seen, kept, sizeof(*delays), smaller);
	if (seen + bss->dropped != bss->submitted)
		fail("count");
	printf("{\"events\":%llu,\"dropped\":%llu,\"seconds\":%.3f,\"cpu\":%.4f,\"p50\":%.1f}\n",
	       (unsigned long long)(seen - from_seen), (unsigned long long)(bss->dropped - from_dropped), took, cpu / took,
	       kept ? delays[from_seen + kept / 2] / 1e3 : 0.);
	bpf_link__destroy(link);
}

int main(int count, char **arguments)
{
	const char *work = count > 1 ? arguments[1] : "";

	if (!strcmp(work, "produce"))
		return produce(atof(arguments[2]), atof(arguments[3]));
	object = count > 2 ? bpf_object__open_file(arguments[2], NULL) : NULL;
	if (!object)
		fail("open");
	struct bpf_map *each;

	// The type of their records is for generators; the kernel wants none.
	bpf_object__for_each_map(each, object)
		if (bpf_map__type(each) == BPF_MAP_TYPE_RINGBUF)
			bpf_map__set_value_size(each, 0);
	if (!strcmp(work, "deliver"))
		bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "events"), RING);
	libbpf_set_print(NULL);
	if (bpf_object__load(object))
		fail("load");
	if (strncmp(work, "deliver", 7) && strncmp(work, "consume", 7))
		fill_maps();
	if (!strcmp(work, "hash-get"))
		lookups("counts", ENTRIES);
	else if (!strcmp(work, "hash-set"))
		updates("counts");
	else if (!strcmp(work, "array-get"))
		lookups("slots", ENTRIES);
	else if (!strcmp(work, "array-set"))
		updates("slots");
	else if (!strcmp(work, "hash-get-object"))
		lookups("table", ENTRIES);
	else if (!strcmp(work, "walk"))
		walk();
	else if (!strcmp(work, "walk-batch"))
		walk_in_batches();
	else if (!strcmp(work, "percpu-hash-get"))
		lookups("percpu_hash", 1024);
	else if (!strcmp(work, "percpu-array-get"))
		lookups("percpu_array", 1024);
	else if (!strcmp(work, "test-run"))
		test_run();
	else if (!strcmp(work, "consume-pairs"))
		consume(1);
	else if (!strcmp(work, "consume-events"))
		consume(0);
	else if (!strcmp(work, "deliver") && count == 6)
		deliver(arguments[0], arguments[3], atoi(arguments[4]), arguments[5]);
	else
		fail("no such work");
	bpf_object__close(object);
	return 0;
}
