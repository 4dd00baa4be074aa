/** Marks what is not real, wherever it appears. */
export function Simulated() {
  return (
    <span className="tag" title="This guest lives on a simulated node">
      simulated
    </span>
  );
}
