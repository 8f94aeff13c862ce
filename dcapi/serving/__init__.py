"""How gunicorn serves a site: its worker, its logger and what it calls when processes start and end."""
