"""Shell completion scripts, made from the verbs and their options."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BASH = """\
_sriovctl() {{
    local word verb= current=${{COMP_WORDS[COMP_CWORD]}}
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {verbs_or}) verb=$word; break;; esac
    done
    case $verb in
{cases}
        *) COMPREPLY=($(compgen -W "{verbs} {options}" -- "$current"));;
    esac
    # Not a word of ours: a netdev, an address or a file.
    if [ ${{#COMPREPLY[@]}} -eq 0 ] && [[ $current != -* ]]; then
        COMPREPLY=(
            $(compgen -W "$(ls /sys/class/net /sys/bus/pci/devices 2>/dev/null)" -- "$current")
            $(compgen -f -- "$current")
        )
    fi
}}
complete -o filenames -F _sriovctl sriovctl"""

_ZSH = """\
#compdef sriovctl
autoload -U +X bashcompinit && bashcompinit
"""

GLOBAL_OPTIONS = (
    *("--help", "--version", "--host-tree", "--simulated", "--lspci", "--dmesg"),
    *("--direct", "--json", "--no-color"),
)


def format_completion(shell: str, verbs: Mapping[str, Sequence[str]]) -> str:
    """Write the script.

    :param shell: bash or zsh; zsh runs the same script through its bashcompinit.
    :param verbs: the words that may follow each verb.
    """
    cases = "\n".join(
        f'        {verb}) COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$current"));;'
        for verb, words in verbs.items()
    )
    script = _BASH.format(
        verbs_or="|".join(verbs),
        verbs=" ".join(verbs),
        options=" ".join(GLOBAL_OPTIONS),
        cases=cases,
    )
    return _ZSH + script if shell == "zsh" else script
