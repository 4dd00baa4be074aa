import { type Place, withValue } from './place.ts';

export function fishCompletion(places: readonly Place[]): string {
  return `# Made by: tacet completion fish
function __tacet_is_at
    set -l place tacet
    set -l option ''
    for word in (commandline -opc)[2..]
        if test -n "$option"
            set option ''
            continue
        end
        switch "$place $word"
            case ${words(places.flatMap(({ names }) => names).filter((name) => name !== 'tacet'))}
                set place "$place $word"
            case ${words(places.flatMap(withValue))}
                set option $word
        end
    end
    test "$place" = "$argv"
end
complete -c tacet -f
complete -c tacet -l help -d 'what can be said'
${places.flatMap(completions).join('\n')}
`;
}

function completions({ names, words: below, options }: Place): string[] {
  return names.flatMap((name) => {
    const here = `complete -c tacet -n ${quoted(`__tacet_is_at ${name}`)}`;
    return [
      ...below.map(({ word, about }) => `${here} -a ${quoted(word)} -d ${quoted(about)}`),
      ...options.map(({ flag, about, values }) => {
        const value =
          values === undefined ? '' : values === 'file' ? ' -r -F' : ` -x -a ${words([values.join(' ')])}`;
        return `${here} -l ${flag.slice(2)} -d ${quoted(about)}${value}`;
      }),
    ];
  });
}

function words(texts: readonly string[]): string {
  return texts.map(quoted).join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
}
