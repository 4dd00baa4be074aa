/** The whole rest of a score: a bar that hangs from its line, and says to be silent. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 20 20" aria-hidden="true" className="brand-mark">
        <path d="M1 7h18" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />
        <path d="M5 7h10v5.5H5z" fill="currentColor" />
      </svg>
      Tacet
    </span>
  );
}
