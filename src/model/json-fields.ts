/** Dotted field paths as a tree: one node per name, `*` for any key or index. */
export interface FieldNode {
  readonly children: Map<string, FieldNode>;
  /** A path ends here: the value is redacted. */
  end: boolean;
}

/** Reads paths such as `user.email` and `items.*.card`. */
export function compileJsonFields(paths: readonly string[]): FieldNode {
  const root = emptyNode();
  for (const path of paths) {
    let node = root;
    for (const name of path.split('.')) {
      const child = node.children.get(name) ?? emptyNode();
      node.children.set(name, child);
      node = child;
    }
    node.end = true;
  }
  return root;
}

/** The nodes that a value under `key` stands at, when its container stands at `nodes`. */
export function childrenOf(nodes: readonly FieldNode[], key: string): readonly FieldNode[] {
  const found: FieldNode[] = [];
  for (const { children } of nodes) {
    const named = children.get(key);
    if (named !== undefined) found.push(named);
    const any = children.get('*');
    if (any !== undefined && any !== named) found.push(any);
  }
  return found;
}

function emptyNode(): FieldNode {
  return { children: new Map(), end: false };
}
