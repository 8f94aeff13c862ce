"""Takeovers between a site of this project and a stand-in of the original, in real time but for its pace."""
