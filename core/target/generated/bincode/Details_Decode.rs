impl < __Context > :: bincode :: Decode < __Context > for Details
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::None {}), 1u32 =>core
            :: result :: Result ::
            Ok(Self ::Prompt
            {
                streaming : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, slash : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Create
            {
                cwd : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Load
            {
                path : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Switch
            {
                cursor : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::DialogAnswer
            {
                request : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, method : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::Cancel
            {
                command : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Reconcile
            {
                command : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, succeeded : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, note : :: bincode :: Decode ::<
                __D :: Context >:: decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::Interest
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 9u32 =>core :: result :: Result ::
            Ok(Self ::History
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Details", allowed : &:: bincode
                :: error :: AllowedEnumVariants :: Range { min: 0, max: 9 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Details
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::None {}), 1u32 =>core
            :: result :: Result ::
            Ok(Self ::Prompt
            {
                streaming : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, slash : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Create
            {
                cwd : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Load
            {
                path : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Switch
            {
                cursor : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::DialogAnswer
            {
                request : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, method : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::Cancel
            {
                command : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Reconcile
            {
                command : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, succeeded : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
                note : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::Interest
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 9u32 =>core :: result :: Result ::
            Ok(Self ::History
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Details", allowed : &:: bincode
                :: error :: AllowedEnumVariants :: Range { min: 0, max: 9 }
            })
        }
    }
}