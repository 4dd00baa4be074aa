# Completion of tacet-agent(8) for bash.
_tacet_agent() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  case $before in
    --config) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    fsfreeze) mapfile -t COMPREPLY < <(compgen -W 'freeze thaw' -- "$word") ;;
    restart-policy) mapfile -t COMPREPLY < <(compgen -W 'list undo' -- "$word") ;;
    *)
      local words='--config --json --help'
      [ "$COMP_CWORD" -eq 1 ] && words="run enroll status plan rehearse thaw fsfreeze check-data accept-data restart-policy version $words"
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
      ;;
  esac
}
complete -F _tacet_agent tacet-agent
