"""The content of reports for people, as structs that are computed once from records, independent of formats."""
