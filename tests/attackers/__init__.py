"""Those who mean harm, each a thread: in the chaos fleet beside honest work, and in
`make bench-under-attack`.

ALL attack the system; GANGS lie about what they computed (`make bench-liars`).
"""

from tests.attackers.attacker import Attacker
from tests.attackers.crowder import Crowder
from tests.attackers.failer import Failer
from tests.attackers.filler import Filler
from tests.attackers.flooder import Flooder
from tests.attackers.get_flooder import GetFlooder
from tests.attackers.guesser import Guesser
from tests.attackers.half_bodies import HalfBodies
from tests.attackers.hoarder import Hoarder
from tests.attackers.liar import Liar
from tests.attackers.liars import GANGS
from tests.attackers.poisoner import Poisoner
from tests.attackers.target import Member, Target

ALL: tuple[type[Attacker], ...] = (
    Poisoner,
    HalfBodies,
    Flooder,
    Hoarder,
    Failer,
    Filler,
    Guesser,
    GetFlooder,
    Crowder,
)

__all__ = ["ALL", "GANGS", "Attacker", "Liar", "Member", "Target"]
