import type { PathRewrite } from '../model/policy.ts';

/**
 * Applies a Gateway API `HTTPPathModifier` to a path without query.
 *
 * `ReplacePrefixMatch` replaces whole path elements: `/foo` is a prefix of `/foo/bar` and not of `/foobar`, and slashes
 * at the end of the prefix and of its replacement make no difference. A path without the prefix stays as it is.
 */
export function rewritePath(path: string, rewrite: PathRewrite): string {
  if (rewrite.type === 'ReplaceFullPath') return rewrite.replaceFullPath;
  const prefix = withoutSlash(rewrite.prefix);
  if (!path.startsWith(prefix)) return path;
  const rest = path.slice(prefix.length);
  if (rest !== '' && !rest.startsWith('/')) return path;
  const rewritten = withoutSlash(rewrite.replacePrefixMatch) + rest;
  return rewritten === '' ? '/' : rewritten;
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
