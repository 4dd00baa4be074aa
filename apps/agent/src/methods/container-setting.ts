/**
 * For the beginning of a script that runs in a container's `sh`: `setting A B` prints the first of these
 * variables that has a value, by itself or in the file that `A_FILE` names.
 */
export const settingOf = `
setting() {
  for name; do
    eval "value=\\\${$name:-} file=\\\${\${name}_FILE:-}"
    if [ -z "$value" ] && [ -r "$file" ]; then value=$(cat "$file"); fi
    [ -z "$value" ] || break
  done
  printf %s "$value"
}`;
