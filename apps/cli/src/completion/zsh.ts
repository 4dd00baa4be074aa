import { type Place, withValue } from './place.ts';
import { patterns, quoted } from './quoted.ts';

export function zshCompletion(places: readonly Place[]): string {
  return `#compdef tacet
# Made by: tacet completion zsh
_tacet() {
  local place=tacet option= word
  local -a commands options values
  for word in "\${(@)words[2,CURRENT-1]}"; do
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
  if [[ -n $option ]]; then
    case "$place $option" in
${places.flatMap(valueCases).join('\n')}
    esac
    compadd -a values
    return
  fi
  case "$place" in
${places.map(placeCase).join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  else
    _describe command commands
  fi
}
if [[ $funcstack[1] == _tacet ]]; then
  _tacet "$@"
else
  compdef _tacet tacet
fi
`;
}

function valueCases({ names, options }: Place): string[] {
  return options.flatMap(({ flag, values }) => {
    if (values === undefined || values.length === 0) return [];
    const pattern = patterns(names.map((name) => `${name} ${flag}`));
    if (values === 'file') return [`      ${pattern}) _files; return ;;`];
    return [`      ${pattern}) values=(${values.map(quoted).join(' ')}) ;;`];
  });
}

function placeCase({ names, words, options }: Place): string {
  const help = { flag: '--help', about: 'what can be said' };
  const commands = words.map(({ word, about }) => described(word, about));
  const flags = [...options, help].map(({ flag, about }) => described(flag, about));
  return `    ${patterns(names)})
      commands=(${commands.join(' ')})
      options=(${flags.join(' ')}) ;;`;
}

function described(word: string, about: string): string {
  return quoted(`${word.replaceAll(':', String.raw`\:`)}:${about}`);
}
