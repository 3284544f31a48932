-- What stands is read by every recall.

CREATE INDEX items_pinned ON items (space) WHERE pinned = 1;
