"""What people want to see, as structs that are computed once from records. Nothing here knows a format."""
