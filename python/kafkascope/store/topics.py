"""Names of topic ids, for rows that were written before the name was known."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.store.segments import unnamed_topics


def complete(table: pa.Table, names: pa.Table) -> pa.Table:
    """``table`` with the topics that ``names`` (topic_id, topic) knows filled in."""
    if not names.num_rows or not unnamed_topics(table):
        return table
    place = pc.index_in(table.column("topic_id"), value_set=names.column("topic_id").combine_chunks())
    known = pc.take(names.column("topic"), place)
    topic = table.column("topic")
    filled = pc.if_else(pc.and_(pc.equal(topic, ""), pc.is_valid(known)), known, topic)
    return table.set_column(table.schema.get_field_index("topic"), table.schema.field("topic"), filled)
