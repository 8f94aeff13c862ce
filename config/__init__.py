"""Settings of a deployment: the defaults, and how gunicorn serves them."""
