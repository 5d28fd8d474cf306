"""Old command lines of QEMU become today's."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.qemu_line import translate_qemu_line
from sriovctl.codec.qemu_options import format_qemu_options, parse_qemu_options
from sriovctl.codec.shell_words import quote_like, replace_shell_words, split_shell_words
from sriovctl.errors import InputError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.qemu_line import is_qemu_id


def translated(text: str) -> str:
    return translate_qemu_line(text).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-device pci-assign,host=01:10.0", "-device vfio-pci,host=0000:01:10.0"),
        ("-device kvm-pci-assign,host=0000:01:10.0", "-device vfio-pci,host=0000:01:10.0"),
        ("--device driver=pci-assign,host=01:10.0", "--device vfio-pci,host=0000:01:10.0"),
        ("-device host=01:10.0,driver=pci-assign", "-device vfio-pci,host=0000:01:10.0"),
        ("-pcidevice host=01:10.0", "-device vfio-pci,host=0000:01:10.0"),
        ("-pcidevice host=01:10.0,name=nic", "-device vfio-pci,host=0000:01:10.0,id=nic"),
        ("-pcidevice host=1:2,name=a,id=b", "-device vfio-pci,host=1:2,id=b"),
        ("device_add pci-assign,host=01:10.0,id=x", "device_add vfio-pci,host=0000:01:10.0,id=x"),
        (
            "-device pci-assign,bus=pci.0,addr=0x3,host=01:10.0,bootindex=1,romfile=/a,,b",
            "-device vfio-pci,host=0000:01:10.0,bus=pci.0,addr=0x3,bootindex=1,romfile=/a,,b",
        ),
        ("-device 'pci-assign,host=01:10.0'", "-device 'vfio-pci,host=0000:01:10.0'"),
        ('-device "pci-assign,host=$VF"', '-device "vfio-pci,host=$VF"'),
        ("-device pci-assign,host=$VF", "-device vfio-pci,host=$VF"),
        ("-device pci-assign,host=01:10.0\\\n -S", "-device vfio-pci,host=0000:01:10.0 -S"),
    ],
)  # fmt: skip
def test_what_assigned_through_kvm_goes_through_vfio(old: str, new: str) -> None:
    found = translated(f"kvm -m 512 {old}")
    assert shlex.split(found.replace("\\\n", "")) == shlex.split(f"kvm -m 512 {new}")


@pytest.mark.parametrize(
    ("option", "note"),
    [
        ("configfd=23", "/dev/vfio/GROUP"),
        ("prefer_msi=on", "prefer_msi is left out"),
        ("share_intx=off", "share_intx is left out"),
        ("command_serr_enable=on", "command_serr_enable is left out"),
        ("iommu=0", "VFIO always uses it"),
        ("iommu=off", "VFIO always uses it"),
    ],
)
def test_what_cannot_be_taken_along_is_said(option: str, note: str) -> None:
    line = translate_qemu_line(f"-device pci-assign,host=01:10.0,{option}")
    assert line.text == "-device vfio-pci,host=0000:01:10.0"
    assert note in line.options[0].notes[0]


@pytest.mark.parametrize("option", ["iommu=1", "iommu=on", "iommu"])
def test_what_is_so_anyway_needs_no_word(option: str) -> None:
    (found,) = translate_qemu_line(f"-device pci-assign,host=01:10.0,{option}").options
    assert found.notes == ()
    assert found.host == parse_pci_address("01:10.0")


def test_dma_none_did_without_the_iommu() -> None:
    line = translate_qemu_line("-pcidevice host=01:10.0,dma=none")
    assert line.text == "-device vfio-pci,host=0000:01:10.0"
    assert "VFIO always uses it" in line.options[0].notes[0]
    assert translate_qemu_line("-pcidevice host=01:10.0,dma=pvdma").options[0].notes == ()


def test_an_option_that_nobody_knows_is_left_for_qemu_to_judge() -> None:
    line = translate_qemu_line("-device pci-assign,host=01:10.0,colour=blue")
    assert line.text.endswith("colour=blue")
    assert line.options[0].notes == ("colour is left as it is: pci-assign had no such option",)


@pytest.mark.parametrize(("name", "made"), [("'my card'", "my-card"), ("01:10.0", "vf-01-10.0")])
def test_a_name_that_is_no_id_becomes_one(name: str, made: str) -> None:
    line = translate_qemu_line(f"-pcidevice host=01:10.0,name={name}")
    assert line.text.endswith(f"id={made}")
    assert made in line.options[0].notes[0]


@pytest.mark.parametrize(
    "text", ["-device pci-assign", "-device pci-assign,id=x", "-pcidevice host=", "-pcidevice x=1"]
)
def test_an_option_without_a_function_is_wrong(text: str) -> None:
    with pytest.raises(InputError, match="names no function of the host"):
        translate_qemu_line(text)


SCRIPT = """\
#!/bin/sh
# -device pci-assign,host=09:00.0 was here
VF=${1:-01:10.2}
exec qemu-kvm -name "it's" \\
    -device pci-assign,host=01:10.0,id=a \\
    -device e1000,netdev=n -device; -device
kvm -pcidevice host=01:10.4 && echo 'done -device pci-assign,host=1' > log
"""


def test_all_else_in_a_script_stays_as_it_is() -> None:
    line = translate_qemu_line(SCRIPT)
    expected = SCRIPT.replace("pci-assign,host=01:10.0,id=a", "vfio-pci,host=0000:01:10.0,id=a")
    expected = expected.replace("-pcidevice host=01:10.4", "-device vfio-pci,host=0000:01:10.4")
    assert line.text == expected
    assert [option.before for option in line.options] == [
        "-device pci-assign,host=01:10.0,id=a",
        "-pcidevice host=01:10.4",
    ]


# --- for any input ---------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
keys = st.sampled_from(["id", "bus", "addr", "iommu", "configfd", "prefer_msi", "rombar", "other"])
hosts = st.builds(
    "{:02x}:{:02x}.{}".format, st.integers(0, 255), st.integers(0, 31), st.integers(0, 7)
)
values = st.text("abz019,=:.$-_ '\"\\", max_size=8)
devices = st.sampled_from(["pci-assign", "kvm-pci-assign"])


@st.composite
def old_options(draw: st.DrawFn) -> list[str]:
    host = draw(hosts)
    others = tuple(draw(st.dictionaries(keys, values, max_size=4)).items())
    if draw(st.booleans()):
        return ["-pcidevice", format_qemu_options((("host", host), *others))]
    pairs = (("driver", draw(devices)), ("host", host), *others)
    return ["-device", format_qemu_options(pairs)]


def is_harmless(word: str) -> bool:
    return not word.lstrip("-").startswith(("device", "pcidevice"))


lines = st.lists(old_options() | words.filter(is_harmless).map(lambda word: [word]), max_size=5)


@given(lines)
def test_nothing_old_is_left_and_other_words_are_not_touched(parts: list[list[str]]) -> None:
    line = [word for part in parts for word in part]
    found = shlex.split(translated(shlex.join(line)))
    others = [part[0] for part in parts if len(part) == 1]
    assert len(found) == len(line)
    position = 0
    for part in parts:
        if len(part) == 1:
            assert found[position] == others.pop(0)
            position += 1
            continue
        option, value = found[position : position + 2]
        position += 2
        assert option == "-device"
        pairs = dict(parse_qemu_options(value))
        old = dict(parse_qemu_options(f"driver=,{part[1]}" if part[0] == "-pcidevice" else part[1]))
        assert pairs["driver"] == "vfio-pci"
        assert parse_pci_address(pairs["host"] or "") == parse_pci_address(old["host"] or "")
        assert not {"iommu", "configfd", "prefer_msi"} & pairs.keys()
        assert pairs.get("bus") == old.get("bus")
        assert "id" not in pairs or is_qemu_id(pairs["id"] or "") or "$" in (pairs["id"] or "")


@given(lines)
def test_translating_twice_changes_nothing_more(parts: list[list[str]]) -> None:
    once = translated(shlex.join(word for part in parts for word in part))
    again = translate_qemu_line(once)
    assert (again.text, again.options) == (once, ())


@given(st.text(max_size=60))
def test_any_text_without_old_options_stays_as_it_is(text: str) -> None:
    try:
        line = translate_qemu_line(text)
    except InputError:
        return
    if not line.options:
        assert line.text == text


@given(st.lists(words, max_size=6))
def test_words_are_found_as_python_finds_them(line: list[str]) -> None:
    text = shlex.join(line)
    found = split_shell_words(text)
    assert [word.value for word in found] == line
    assert [text[word.start : word.end] for word in found] == [word.raw for word in found]


@given(st.text("ab '\"\\$\n;#|<", max_size=20))
def test_finding_words_never_fails_and_loses_nothing(text: str) -> None:
    found = split_shell_words(text)
    assert [word.start for word in found] == sorted({word.start for word in found})
    assert replace_shell_words(text, []) == text


@given(words, st.sampled_from(["x", "'x'", '"x"', "x'y'"]))
def test_a_new_word_means_itself(value: str, raw: str) -> None:
    assert shlex.split(quote_like(raw, value)) == [value]


@given(
    st.dictionaries(
        st.text("abcXYZ-_", min_size=1, max_size=6),
        st.text(st.characters(codec="utf-8"), max_size=8),
        max_size=5,
    )
)
def test_options_read_back(pairs: dict[str, str]) -> None:
    written = (("driver", "vfio-pci"), *((k, v) for k, v in pairs.items() if k != "driver"))
    assert parse_qemu_options(format_qemu_options(written)) == written


def test_commas_are_doubled_in_values() -> None:
    assert parse_qemu_options("e1000,romfile=/a,,b,c=,flag") == (
        ("driver", "e1000"),
        ("romfile", "/a,b"),
        ("c", ""),
        ("flag", None),
    )
