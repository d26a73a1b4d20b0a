"""The batches door: CSVs of URLs, analysed in bulk, with full control, analytics and exports."""
