/** What can be typed after a command. */
export interface Place {
  /** `tacet schedule`; by each of its names, where it has others. */
  readonly names: readonly string[];
  /** Commands below it, or the values of its argument. */
  readonly words: readonly { readonly word: string; readonly about: string }[];
  readonly options: readonly CompletedOption[];
}

export interface CompletedOption {
  /** `--mode` */
  readonly flag: string;
  readonly about: string;
  /** Undefined where it takes none, empty where it could be anything. */
  readonly values: readonly string[] | 'file' | undefined;
}

/** All ways to write what takes a value, at a place: whatever follows is no command. */
export function withValue({ names, options }: Place): string[] {
  const flags = options.filter(({ values }) => values !== undefined).map(({ flag }) => flag);
  return names.flatMap((name) => flags.map((flag) => `${name} ${flag}`));
}
