import type { Command, Option } from './command.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script for a shell that completes commands, options, and the values of options that have a closed set of them. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  if (shell === 'bash') return bash(commands);
  return shell === 'zsh' ? zsh(commands) : fish(commands);
}

/** Values of these options are files or folders. */
function isPath(option: Option): boolean {
  return option.value === 'FILE' || option.value === 'DIR';
}

function operandsOf(command: Command, commands: readonly Command[]): readonly string[] {
  return command.name === 'help' ? commands.map(({ name }) => name) : (command.operands ?? []);
}

function bash(commands: readonly Command[]): string {
  const words = commands
    .map((command) => {
      const all = [...command.options.map(({ name }) => `--${name}`), ...operandsOf(command, commands)];
      return `    ${command.name}) words='${all.join(' ')}' ;;`;
    })
    .join('\n');
  return `# understudy completion for bash
_understudy() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} words=''
  COMPREPLY=()
  case $previous in
${valueCases(commands)}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${commands.map(({ name }) => name).join(' ')}'
  else
    case \${COMP_WORDS[1]} in
${words}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _understudy understudy
`;
}

function valueCases(commands: readonly Command[]): string {
  const options = new Map(commands.flatMap(({ options: all }) => all).map((option) => [option.name, option]));
  const cases: string[] = [];
  for (const option of options.values()) {
    if (option.values !== undefined) {
      const words = option.values.join(' ');
      cases.push(`    --${option.name}) COMPREPLY=($(compgen -W '${words}' -- "$current")); return ;;`);
    } else if (isPath(option)) {
      cases.push(`    --${option.name}) COMPREPLY=($(compgen -f -- "$current")); return ;;`);
    } else if (option.value !== undefined) {
      cases.push(`    --${option.name}) return ;;`);
    }
  }
  return cases.join('\n');
}

function zsh(commands: readonly Command[]): string {
  const list = commands
    .map(({ name, summary }) => `    '${name}:${quoted(summary).replaceAll(':', '\\:')}'`)
    .join('\n');
  const cases = commands
    .map((command) => {
      const specs = command.options.map((option) => zshOption(option));
      const operands = operandsOf(command, commands);
      if (operands.length > 0) specs.push(`'1:operand:(${operands.join(' ')})'`);
      return `    ${command.name}) _arguments ${specs.join(' ')} ;;`;
    })
    .join('\n');
  return `#compdef understudy
# understudy completion for zsh
_understudy() {
  local -a commands=(
${list}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases}
  esac
}
if [[ $funcstack[1] == _understudy ]]; then _understudy "$@"; else compdef _understudy understudy; fi
`;
}

function zshOption(option: Option): string {
  const help = quoted(option.help).replaceAll(/[[\]:]/g, '\\$&');
  const many = option.many === true ? '*' : '';
  if (option.value === undefined) return `'${many}--${option.name}[${help}]'`;
  const values = option.values === undefined ? ' ' : `(${option.values.join(' ')})`;
  return `'${many}--${option.name}=[${help}]:${option.value}:${isPath(option) ? '_files' : values}'`;
}

function fish(commands: readonly Command[]): string {
  let text = '# understudy completion for fish\ncomplete -c understudy -f\n';
  for (const { name, summary } of commands) {
    text += `complete -c understudy -n __fish_use_subcommand -a ${name} -d '${quoted(summary)}'\n`;
  }
  for (const command of commands) {
    const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
    for (const option of command.options) {
      const value = option.value === undefined ? '' : ` -r${isPath(option) ? ' -F' : ''}`;
      const values = option.values === undefined ? '' : ` -a '${option.values.join(' ')}'`;
      text += `complete -c understudy ${when} -l ${option.name}${value}${values} -d '${quoted(option.help)}'\n`;
    }
    const operands = operandsOf(command, commands);
    if (operands.length > 0) text += `complete -c understudy ${when} -a '${operands.join(' ')}'\n`;
  }
  return text;
}

/** Text for between single quotes: a quote in it would end them. */
function quoted(text: string): string {
  return text.replaceAll("'", '’');
}
