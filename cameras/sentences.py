"""What an entry of the log says, as a sentence: "33 cameras at Berlin Mitte stopped by demo-operator"."""

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cameras.fields import CAMERA_FIELDS, by_name
from cameras.models import BlockAction, ChangeBlock
from controlplane.access.principals import in_words

_FIELDS = by_name(CAMERA_FIELDS)
# More fields than these are not named.
NAMED_AT_MOST = 3
_DONE = {
    BlockAction.REGISTERED: _("%(cameras)s registered"),
    BlockAction.STARTED: _("%(cameras)s started"),
    BlockAction.STOPPED: _("%(cameras)s stopped"),
    BlockAction.DELETED: _("%(cameras)s deleted"),
    BlockAction.RESTORED: _("%(cameras)s restored"),
    BlockAction.IMPORTED: _("%(cameras)s imported"),
    BlockAction.REVERTED: _("%(cameras)s reverted"),
    BlockAction.CHANGED: _("%(cameras)s changed"),
    BlockAction.MOVED: _("%(cameras)s moved"),
}


def sentence_of(block: ChangeBlock) -> str:
    """What was done to which cameras, and by whom."""
    return gettext("%(done)s by %(author)s") % {"done": done_of(block), "author": in_words(block.by)}


def done_of(block: ChangeBlock) -> str:
    """What was done to which cameras."""
    action = BlockAction(block.action)
    if action is BlockAction.MOVED:
        where = block.site_name or gettext("no site")
        return gettext("%(cameras)s moved to %(site)s") % {"cameras": _count_of(block), "site": where}
    done = str(_DONE[action]) % {"cameras": cameras_of(block)}
    if action is BlockAction.CHANGED and 0 < len(block.fields) <= NAMED_AT_MOST:
        names = ", ".join(_label_of(name) for name in sorted(block.fields))
        return gettext("%(done)s (%(fields)s)") % {"done": done, "fields": names}
    return done


def cameras_of(block: ChangeBlock) -> str:
    """The camera by its name, or how many there are; with their site, where all stand at one."""
    if not block.site_name:
        return _count_of(block)
    return gettext("%(cameras)s at %(site)s") % {"cameras": _count_of(block), "site": block.site_name}


def _count_of(block: ChangeBlock) -> str:
    if block.count == 1:
        return gettext("“%(name)s”") % {"name": block.name}
    return ngettext("%(count)s camera", "%(count)s cameras", block.count) % {"count": f"{block.count:,}"}


def _label_of(name: str) -> str:
    """The log may name fields that cameras no longer have."""
    return str(_FIELDS[name].label) if name in _FIELDS else name.replace("_", " ")
