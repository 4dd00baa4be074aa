import { type ReactNode, useEffect } from 'react';
import { useKeptFocus } from './heading-focus.tsx';

interface PageHeadProps {
  readonly title: string;
  /** Where it should say more than the title of the window does. */
  readonly heading?: ReactNode;
  /** A line below it. */
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}

/** The heading of a page. It takes the focus when a page is gone to: see the shell. */
export function PageHead({ title, heading, children, actions }: PageHeadProps) {
  const ref = useKeptFocus();
  useEffect(() => {
    document.title = `${title} · Tacet`;
  }, [title]);
  return (
    <div className="page-head">
      <div>
        <h1 ref={ref} tabIndex={-1}>
          {heading ?? title}
        </h1>
        {children !== undefined && <div className="page-sub">{children}</div>}
      </div>
      {actions !== undefined && <div className="actions">{actions}</div>}
    </div>
  );
}
