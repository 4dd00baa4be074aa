#!/bin/sh
# Tacet's hook for vzdump. Proxmox VE runs it at every phase of every backup on this node, as root, without PATH and
# HOME; what it prints goes into the task's log. `tacet hook install` writes this file: change the settings there.
#
# It tells the controller on this node which phase has come, and waits for the answer. Whatever goes wrong, the
# backup goes on without a hold. Only guests in `closed` refuse it then, and only before anything is copied: a
# failure at a later phase could leave a guest frozen or stopped.

# The controller's unix socket.
socket='/run/tacet/hook.sock'
# The hook that was configured before. It is run too: before a hold, so that nothing stands still for it, and after a thaw.
previous=''
# Guests (VMIDs, or `all`) whose backup is refused when they cannot be held.
closed=''
# Seconds of silence after which the controller is given up. Less than its lease.
patience='20'
# --- end of the settings

# Nothing but what is in perl itself: a module would take longer to load than all the rest takes.
client='
my ($path, $patience, $otherwise, $call) = @ARGV;
$| = 1;
sub leave { print "tacet: $_[0]\n"; exit 1 }
$SIG{PIPE} = "IGNORE";
sub give_up { leave("no answer of the controller for $_[0] s: going on without it") }
$SIG{ALRM} = sub { give_up($patience) };
my $longest = 6 * $patience;
my $end = time + $longest;
alarm $patience;

# AF_UNIX and SOCK_STREAM of Linux, and its sockaddr_un.
socket(my $line, 1, 1, 0) or leave("no socket: $!");
if (!connect($line, pack("S Z*", 1, $path))) {
  leave("no controller at $path ($!): $otherwise") if $otherwise ne "";
  exit 1;
}
my $request = "tacet-hook 1\ncall=$call\npatience=$patience\n";
for my $name ("STOREID", "TARGET") {
  my $value = $ENV{$name};
  next if !defined $value;
  $value =~ tr/\n//d;
  $request .= "$name=$value\n";
}
syswrite($line, "$request\n");

my $heard = "";
while (sysread($line, $heard, 4096, length $heard)) {
  # Any sign of life will do, but not for ever.
  my $left = $end - time;
  give_up($longest) if $left <= 0;
  alarm($left < $patience ? $left : $patience);
  while ($heard =~ s/^(\w+|\.)(?: ([^\n]*))?\n//) {
    my ($word, $text) = ($1, $2);
    print "tacet: $text\n" if $word eq "say";
    next if $word ne "ok" && $word ne "trouble";
    alarm 0;
    # The controller counts on what it has answered only if this was heard in time.
    syswrite($line, "ack\n");
    exit($word eq "ok" ? 0 : 1);
  }
}
leave("the controller hung up: going on without it");
'

phase=${1-}
mode=${2-}
vmid=${3-}

run_previous() {
  [ -z "$previous" ] || "$previous" "$@"
}

is_closed() {
  case "$phase $closed " in
    backup-start*" $vmid "* | pre-stop*" $vmid "* | backup-start*' all '* | pre-stop*' all '*) return 0 ;;
  esac
  return 1
}

# Fails where the guest is not held as its mode would let it be. Of a controller that is not there it speaks where
# that makes a difference, and not at every phase.
ask() {
  otherwise=
  case $phase:$mode in
    backup-start:*) otherwise='this guest is not held' ;;
    pre-stop:*) ! is_closed || otherwise='this guest is not held' ;;
    pre-restart:snapshot | post-restart:suspend) otherwise='what is held ends with its lease' ;;
  esac
  case $phase in
    backup-start | pre-stop) ;;
    # From here on nobody needs to wait for long.
    *) [ "$patience" -le 5 ] || patience=5 ;;
  esac
  if [ ! -x /usr/bin/perl ]; then
    [ -z "$otherwise" ] || echo "tacet: there is no /usr/bin/perl: $otherwise"
    return 1
  fi
  /usr/bin/perl -e "$client" "$socket" "$patience" "$otherwise" "$phase $mode $vmid"
  status=$?
  [ $status -le 1 ] || echo "tacet: the client of this hook ended with status $status"
  return $status
}

case $phase in
  backup-start | pre-stop) run_previous "$@" || exit $? ;;
esac

case ${VMTYPE-lxc}:$phase:$mode in
  # A guest is left frozen or stopped when its hook does not come back from these: nothing is started here.
  lxc:pre-restart:suspend | lxc:pre-restart:stop | lxc:post-restart:stop) ;;
  lxc:backup-* | lxc:pre-* | lxc:post-restart:* | lxc:log-end:* | lxc:job-end: | lxc:job-abort:)
    if ! ask && is_closed; then
      echo "tacet: no backup of guest $vmid, because it is closed to one that is not held"
      exit 1
    fi
    ;;
esac

case $phase in
  backup-start | pre-stop) ;;
  *) run_previous "$@" || exit $? ;;
esac
exit 0
