"""Many pictures: which, under which names, what is done already, and who paints them."""
