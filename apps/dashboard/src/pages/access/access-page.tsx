import { useMay } from '../../api/session.ts';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty } from '../../ui/panel.tsx';
import { Accounts } from './accounts.tsx';
import { Tokens } from './tokens.tsx';

/** Who may do what. */
export function AccessPage() {
  if (!useMay('admin')) {
    return (
      <>
        <PageHead title="Access" />
        <Empty title="Only an admin sees who may do what." />
      </>
    );
  }
  return (
    <>
      <PageHead title="Access">Who may do what</PageHead>
      <div className="guest">
        <Accounts />
        <Tokens />
      </div>
    </>
  );
}
