/** What could be read of some rows. What could not, as from another version, goes to `onUnreadable`. */
export function readableRows<Row extends { readonly name: string }, Entry>(
  rows: readonly Row[],
  read: (row: Row) => Entry,
  onUnreadable: (name: string, error: unknown) => void,
): Entry[] {
  return rows.flatMap((row) => {
    try {
      return [read(row)];
    } catch (error) {
      onUnreadable(row.name, error);
      return [];
    }
  });
}
