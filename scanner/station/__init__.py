"""The scan station's client: a folder of scans goes to the server frame by frame, and nothing is lost on the way.

A file is moved to done/ only after the server acknowledged all its frames. What was acknowledged, and which place each
file got, stands in a journal that outlives a power cut. A server that is away is waited for. The station compares its
count with the server's before it says that a batch is complete. Nothing is ever deleted.
"""

from scanner.station.folder import Sent, send_folder
from scanner.station.frames import frames_in
from scanner.station.names import DONE, REFUSED
from scanner.station.watching import Plan, View, rescans_of, watch_folder

__all__ = ["DONE", "REFUSED", "Plan", "Sent", "View", "frames_in", "rescans_of", "send_folder", "watch_folder"]
