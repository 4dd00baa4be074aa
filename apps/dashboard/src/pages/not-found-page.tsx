import { Link } from 'wouter';
import { PageHead } from '../ui/page-head.tsx';

export function NotFoundPage() {
  return (
    <>
      <PageHead title="There is no such page" />
      <p>
        <Link href="/">Go to the fleet</Link>
      </p>
    </>
  );
}
