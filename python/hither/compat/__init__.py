"""What other libraries for vector search are called by, over index files of hither."""
