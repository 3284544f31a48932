"""Work that is done later: reflection in the background, here or on a server."""
