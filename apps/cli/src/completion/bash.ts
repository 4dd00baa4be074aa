import { type Place, withValue } from './place.ts';
import { patterns, quoted } from './quoted.ts';

export function bashCompletion(places: readonly Place[]): string {
  return `# Made by: tacet completion bash
_tacet() {
  local current=\${COMP_WORDS[COMP_CWORD]} place=tacet option= word words= flags=
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n $option ]]; then
      option=
      continue
    fi
    case "$place $word" in
      ${patterns(places.flatMap(({ names }) => names).filter((name) => name !== 'tacet'))})
        place+=" $word" ;;
      ${patterns(places.flatMap(withValue))})
        option=$word ;;
    esac
  done
  case "$place $option" in
${places.flatMap(valueCases).join('\n')}
  esac
  if [[ -z $option ]]; then
    case "$place" in
${places.map(placeCase).join('\n')}
    esac
  fi
  [[ $current == -* ]] && words=$flags
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _tacet tacet
`;
}

function valueCases({ names, options }: Place): string[] {
  return options.flatMap(({ flag, values }) => {
    if (values === undefined || values.length === 0) return [];
    const pattern = patterns(names.map((name) => `${name} ${flag}`));
    if (values !== 'file') return [`    ${pattern}) words=${quoted(values.join(' '))} ;;`];
    return [
      `    ${pattern})`,
      '      compopt -o filenames 2>/dev/null',
      '      mapfile -t COMPREPLY < <(compgen -f -- "$current")',
      '      return ;;',
    ];
  });
}

function placeCase({ names, words, options }: Place): string {
  const flags = [...options.map(({ flag }) => flag), '--help'].join(' ');
  return `      ${patterns(names)}) words=${quoted(words.map(({ word }) => word).join(' '))} flags=${quoted(flags)} ;;`;
}
