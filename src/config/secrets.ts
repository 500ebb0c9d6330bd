/**
 * Whether a value must not be shown in messages, which end up in logs and events: the admin token, and the values of
 * headers that copies get.
 */
export function isSecret(path: readonly PropertyKey[]): boolean {
  // Also a token under a misspelt key.
  if (path[0] === 'admin') return path[1] !== 'listen' && path.length === 2;
  return (
    path[0] === 'policies' &&
    path[2] === 'rewrite' &&
    path[3] === 'headers' &&
    path[4] !== 'remove' &&
    path.length === 6
  );
}

/** Whether a line that is not even YAML could hold a secret. */
export function mayHoldSecret(line: string): boolean {
  return /token|authori[sz]ation|cookie|secret|passw|bearer/i.test(line);
}

/** A line with stars for user names and passwords in URLs. */
export function withoutPassword(line: string): string {
  return line.replaceAll(/:\/\/[^/\s@"']*@/g, (userinfo) => `://${'*'.repeat(userinfo.length - 4)}@`);
}
