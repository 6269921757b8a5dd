"""How available cameras were: transitions added up over a range, for a camera, a site and the fleet."""
