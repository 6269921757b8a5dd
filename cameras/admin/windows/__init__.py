"""Windows in the admin: their list and form, and the pages that stop or mute until later."""
