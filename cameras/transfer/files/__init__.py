"""Files of cameras: CSV, JSON and Frigate's YAML into rows; rows into those, MediaMTX paths and go2rtc streams.

A row is what a file says of one camera, in the words of `cameras.intent`. What it means for the cameras that are
there, `cameras.transfer.plan` decides.
"""
