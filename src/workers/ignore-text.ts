import type { IgnoreRule } from '../model/compare-settings.ts';

/** A rule as it would stand in the configuration. JSON's strings and lists are YAML. */
export function ignoreText(policy: string, { path, kinds, route }: IgnoreRule): string {
  const parts = [
    `path: ${JSON.stringify(path)}`,
    ...(kinds.length === 0 ? [] : [`kinds: [${kinds.join(', ')}]`]),
    ...(route === undefined ? [] : [`route: ${JSON.stringify(route)}`]),
  ];
  return `policies:
  - name: ${JSON.stringify(policy)}
    compare:
      ignore:
        - { ${parts.join(', ')} }
`;
}
