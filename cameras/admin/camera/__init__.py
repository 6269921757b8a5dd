"""The parts of the pages of cameras; `cameras.admin.cameras` puts them together."""
