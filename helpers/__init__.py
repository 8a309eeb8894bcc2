"""What all chapters share: sliders, claims, seeds, a training loop, toy data, plot style.

Importing it applies the plot style, and pins torch to one thread: two slow down small tensors.
"""

import torch

from helpers import data, style
from helpers.atlas import paper
from helpers.chapters import chapter
from helpers.claims import ClaimFailed, claim, rival
from helpers.explorer import explore
from helpers.knobs import knob
from helpers.live import live
from helpers.runtime import recording, seeded
from helpers.style import COLORS
from helpers.telling import check, say
from helpers.training import fit

torch.set_num_threads(1)
style.apply()
