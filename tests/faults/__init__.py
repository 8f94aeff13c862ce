"""The fault harness: two real sites, random operations on one, random faults between and in them."""
