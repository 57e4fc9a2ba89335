"""`python -m sos_actors.cli`, for when the environment is somebody else's; `bin/sos` is the ordinary way in."""

import sys

from sos_actors.cli.main import main

sys.exit(main())
