"""How the admin writes dates and times that Django formats by itself: in one shape, whatever the language."""
