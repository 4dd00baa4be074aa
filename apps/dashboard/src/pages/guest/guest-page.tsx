import type { Guest } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import { ApiProblem } from '../../api/problem.ts';
import { guestQuery, guestsQuery } from '../../api/queries.ts';
import { usePollMs } from '../../live/live.tsx';
import { Answer } from '../../ui/answer.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty } from '../../ui/panel.tsx';
import { GuestActions } from './guest-actions.tsx';
import { GuestBody } from './guest-body.tsx';
import { GuestHead } from './guest-head.tsx';
import { Running } from './running.tsx';

export function GuestPage() {
  const { vmid } = useParams<{ vmid: string }>();
  const guest = useQuery({ ...guestQuery(Number(vmid)), refetchInterval: usePollMs() });
  if (guest.data !== undefined) return <TheGuest guest={guest.data} />;
  if (guest.error instanceof ApiProblem && guest.error.code === 'not-found') {
    return (
      <>
        <PageHead title={`Guest ${vmid}`} actions={<GuestActions vmid={Number(vmid)} guest={null} />} />
        <Empty title="No agent of this guest is known here.">
          <p>Enrol it: that takes one command, which you paste in the guest.</p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <PageHead title={`Guest ${vmid}`} />
      <Answer query={guest} lines={14}>
        {() => null}
      </Answer>
    </>
  );
}

/** A copy that bears the VMID of another guest, or none: it is known by its id alone. */
export function CopyPage() {
  const { id } = useParams<{ id: string }>();
  const guests = useQuery({ ...guestsQuery, refetchInterval: usePollMs() });
  const copy = guests.data?.find((guest) => guest.id === decodeURIComponent(id));
  if (copy !== undefined) return <TheGuest guest={copy} />;
  return (
    <>
      <PageHead title="A copy" />
      <Answer query={guests} lines={14}>
        {() => (
          <Empty title="This copy is not here any more.">
            <p>
              It was adopted or dismissed, or its guest was enrolled. <Link href="/">Go to the fleet</Link>
            </p>
          </Empty>
        )}
      </Answer>
    </>
  );
}

function TheGuest({ guest }: { guest: Guest }) {
  return (
    <>
      <GuestHead guest={guest} />
      {guest.identity === 'enrolled' && guest.vmid !== null && <Running vmid={guest.vmid} />}
      <GuestBody guest={guest} />
    </>
  );
}
