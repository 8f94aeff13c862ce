"""The description of the API: what calls there are, what they take and what they answer (OpenAPI 3.1).

``operations`` says in a table what cannot be read from the code, ``document`` puts the rest to it: paths and
methods from the routes, bodies from the schemas that the views load, rights from the marks of the views.
"""
