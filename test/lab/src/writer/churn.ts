/** A table of some megabytes, of which a churn changes a part: much is dirty, and nothing grows. */
export const churn = { rows: 4096, rowBytes: 1024, rowsPerChurn: 64 } as const;

/** First row of the part that is changed next. */
export function churnStart(): number {
  return 1 + Math.floor(Math.random() * (churn.rows - churn.rowsPerChurn));
}
