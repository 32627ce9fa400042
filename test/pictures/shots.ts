// What is done for each sample, and when its picture is taken.
import { datagrams, sh } from "./world.js";

/** A picture to be taken. */
export interface Shot {
  readonly args?: readonly string[];
  readonly columns: number;
  readonly rows: number;
  /** It is taken here; else in a guest, because it shows all processes of its machine. */
  readonly live?: Live;
}

/** What is done for a sample on this machine, and when its picture is taken. */
export interface Live {
  /** Whether it looks at the network of the world. */
  readonly world?: true;
  /** When it can be started to do something. */
  readonly ready: RegExp;
  readonly act?: () => void;
  /** What has been seen in the end, and for how long it goes on then, in milliseconds. */
  readonly done: RegExp;
  readonly after?: number;
  /** A line that has other processes of this machine in it. */
  readonly foreign?: RegExp;
}

/** All pictures, by the names of samples. */
export const shots: Readonly<Record<string, Shot>> = {
  bootstrap: { columns: 84, rows: 20 },
  "bootstrap-raw": { columns: 84, rows: 20 },
  execsnoop: { columns: 100, rows: 20 },
  kprobe: { columns: 84, rows: 20 },
  profile: { columns: 84, rows: 20 },
  minimal: {
    columns: 100,
    rows: 12,
    live: { ready: /Attached/, done: /(writes so far\n.*){5}/ },
  },
  tc: {
    args: ["eth0"],
    columns: 84,
    rows: 24,
    live: {
      world: true,
      ready: /^TIME/m,
      act: () =>
        sh("echo query > /dev/udp/192.0.2.7/53; curl -s http://10.0.0.1/; busybox ping -c 1 10.0.0.1"),
      done: /TCP[\s\S]*TCP/,
      after: 1200,
    },
  },
  runqlat: { columns: 84, rows: 24, live: { ready: /Waits/, done: /█/, after: 4000 } },
  uprobe: {
    columns: 84,
    rows: 14,
    live: {
      world: true,
      ready: /^TIME/m,
      act: () =>
        sh(
          "getent ahosts localhost; getent ahosts example.com; curl -s http://www.example.com/; " +
            "getent ahosts db.internal; getent ahosts no-such-host.invalid; true",
        ),
      done: /no-such-host/,
      foreign: /^\d\d:(?!.*(localhost|example\.com|db\.internal|no-such-host\.invalid)$)/,
    },
  },
  tcpconnect: {
    columns: 84,
    rows: 16,
    live: {
      world: true,
      ready: /^TIME/m,
      act: () =>
        sh(
          "curl -s http://example.com/; curl -s http://db.internal:8080/; curl -gs 'http://[2001:db8::1]:443/'; " +
            ": < /dev/tcp/10.0.0.1/443; : < /dev/tcp/127.0.0.1/5432; curl -s http://203.0.113.9/; true",
        ),
      done: /203\.0\.113\.9/,
      foreign: /^\d\d:(?!.*(192\.0\.2\.80|10\.0\.0\.1|2001:db8::1|127\.0\.0\.1|203\.0\.113\.9)\]?:\d+$)/,
    },
  },
  firewall: {
    args: ["eth0", "192.0.2.0/24", "198.51.100.7"],
    columns: 90,
    rows: 10,
    live: {
      world: true,
      ready: /Firewall/,
      act: () => datagrams({ "10.0.0.1": 1820, "192.0.2.7": 711, "192.0.2.80": 200, "198.51.100.7": 64 }),
      done: /198\.51\.100\.7\/32 +64/,
    },
  },
  "xdp-counter": {
    args: ["eth0"],
    columns: 84,
    rows: 10,
    live: {
      world: true,
      ready: /PROTOCOL/,
      act: () => {
        datagrams({ "10.0.0.1": 26 });
        sh("for i in 1 2 3; do curl -s http://10.0.0.1/ > /dev/null; done; busybox ping -c 2 10.0.0.1");
      },
      done: /ICMP /,
    },
  },
};
