/**
 * A test whether an authority (`Orders.Example:8080`, `[::1]:80`) names one of some hosts. The port, a dot at the end and
 * the case of letters make no difference. `*.example.org` is every name below example.org, at any depth, and not
 * example.org itself (Gateway API `Hostname`).
 */
export function compileHosts(hosts: readonly string[]): (authority: string) => boolean {
  const exact = hosts.filter((host) => !host.startsWith('*.')).map(normalHost);
  const suffixes = hosts.filter((host) => host.startsWith('*.')).map((host) => normalHost(host.slice(1)));
  return (authority) => {
    if (authority === '') return false;
    const lower = authority.toLowerCase();
    const end = hostEnd(lower);
    for (let i = 0; i < exact.length; i++) {
      const host = exact[i];
      if (host !== undefined && host.length === end && lower.startsWith(host)) return true;
    }
    for (let i = 0; i < suffixes.length; i++) {
      const suffix = suffixes[i];
      if (suffix !== undefined && suffix.length < end && lower.startsWith(suffix, end - suffix.length))
        return true;
    }
    return false;
  };
}

/** Where the host of an authority ends: before the port and the dot of the root. */
function hostEnd(authority: string): number {
  const colon = authority.lastIndexOf(':');
  // The colons of an IPv6 address stand before its bracket.
  const end = colon > authority.lastIndexOf(']') ? colon : authority.length;
  return end > 1 && authority.charCodeAt(end - 1) === 46 ? end - 1 : end;
}

/** IPv6 addresses are bracketed, as in an authority. */
function normalHost(host: string): string {
  const lower = host.toLowerCase();
  const name = lower.endsWith('.') && lower.length > 1 ? lower.slice(0, -1) : lower;
  return name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
}
